// Errors as values: what every fallible function in Gorgon returns, and the macros that pass errors
// up. What the world does wrong is an Error; a failing test is a result, not an error; a broken
// invariant of ours aborts (check.h).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace gorgon {

/// What went wrong, as far as a caller may want to decide on it. cli/exit_code.h maps kinds to exit
/// codes.
enum class ErrorKind {
  kUsage,           ///< The command line or the configuration is wrong.
  kSync,            ///< The source tree could not be pushed or pulled.
  kUnavailable,     ///< The broker or a host cannot be reached.
  kConnectionLost,  ///< A connection that worked has ended; delivery tags and replies of it are
                    ///< void.
  kNotFound,        ///< The named file, queue or host does not exist.
  kUnroutable,      ///< A mandatory message had no queue to go to.
  kTimeout,         ///< A bounded wait ran out.
  kCancelled,       ///< Somebody asked us to stop.
  kCallback,        ///< A callback of the project failed.
  kRefused,         ///< The other side understood and said no.
  kProtocol,        ///< Bytes from another process are not what the protocol allows.
  kIo,              ///< The operating system refused a call on a file, process or socket.
};

struct Error {
  ErrorKind kind;
  std::string message;  ///< A lower-case fragment that fits "cannot start job: …"; names the file,
                        ///< host or queue.
};

template <class T>
using Result = std::expected<T, Error>;

/// The form in which a function returns an error: `return fail(ErrorKind::kIo, "cannot open x")`.
[[nodiscard]] inline std::unexpected<Error> fail(ErrorKind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}

/// Like fail(kIo), with the text of `errno_value` behind it: "cannot open x: No such file or
/// directory".
[[nodiscard]] std::unexpected<Error> fail_errno(std::string message, int errno_value);

/// The same error, with what we were doing in front: "pull job 17: rsync exited with 23".
[[nodiscard]] inline std::unexpected<Error> with_context(std::string_view doing, Error error) {
  error.message.insert(0, std::string(doing) + ": ");
  return std::unexpected(std::move(error));
}

}  // namespace gorgon

#define GORGON_CONCAT_INNER(a, b) a##b
#define GORGON_CONCAT(a, b) GORGON_CONCAT_INNER(a, b)
// NOLINTBEGIN(bugprone-macro-parentheses): a keyword, a name and a declaration cannot have any.
#define GORGON_TRY_IMPL(returns, temporary, expression)                    \
  do {                                                                     \
    auto temporary = (expression);                                         \
    if (!temporary) returns std::unexpected(std::move(temporary).error()); \
  } while (false)

#define GORGON_TRY_ASSIGN_IMPL(returns, temporary, declaration, expression) \
  auto temporary = (expression);                                            \
  if (!temporary) returns std::unexpected(std::move(temporary).error());    \
  declaration = *std::move(temporary)
// NOLINTEND(bugprone-macro-parentheses)
/// Returns the error of a Result expression to the caller; goes on otherwise.
#define GORGON_TRY(expression) \
  GORGON_TRY_IMPL(return, GORGON_CONCAT(gorgon_try_, __LINE__), expression)
/// Declares or assigns the value of a Result expression, or returns its error:
/// GORGON_TRY_ASSIGN(auto fd, open(path));
#define GORGON_TRY_ASSIGN(declaration, expression) \
  GORGON_TRY_ASSIGN_IMPL(return, GORGON_CONCAT(gorgon_try_, __LINE__), declaration, expression)

/// The same two for coroutines, where the keyword is co_return.
#define GORGON_CO_TRY(expression) \
  GORGON_TRY_IMPL(co_return, GORGON_CONCAT(gorgon_try_, __LINE__), expression)
#define GORGON_CO_TRY_ASSIGN(declaration, expression) \
  GORGON_TRY_ASSIGN_IMPL(co_return, GORGON_CONCAT(gorgon_try_, __LINE__), declaration, expression)

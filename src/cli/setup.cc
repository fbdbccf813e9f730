#include <cstdio>

#include "cli/commands.h"
namespace gorgon::cli {
int init(const InitCommand&) { return complain({ErrorKind::kUsage, "init: coming"}); }
int install_listener(const InstallListenerCommand&) {
  return complain({ErrorKind::kUsage, "install_listener: coming"});
}
}  // namespace gorgon::cli

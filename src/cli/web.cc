// `gorgon web`: the project's runs and machines in a browser.
#include "web/web.h"

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/secrets.h"
#include "cli/signing_key.h"
#include "results/exit_code.h"

namespace gorgon::cli {

int web(const WebCommand& command) {
  auto config = load_project(command.config_file, command.config_is_required);
  if (!config) return complain(config.error());
  if (command.cluster) config->cluster = *command.cluster;
  web::WebOptions options{.cluster = {.project = std::filesystem::absolute(command.config_file)
                                                     .parent_path()
                                                     .lexically_normal(),
                                      .address = {},
                                      .cluster = config->cluster,
                                      .signing_key = {}},
                          .port = command.port,
                          .ready = {}};
  if (config->connection) {
    auto key = signing_key(*config, command.config_file);
    if (!key) return complain(key.error());
    options.cluster.address = *config->connection;
    options.cluster.signing_key = *std::move(key);
  }
  options.ready = [](const std::string& url) {
    std::printf("%s\n", url.c_str());
    (void)std::fflush(stdout);
    std::fprintf(stderr, "gorgon: whoever has this URL sees the project's runs; Ctrl-C ends it\n");
  };
  const auto served = web::serve(std::move(options));
  return served ? static_cast<int>(results::kAllPassed) : complain(served.error());
}

}  // namespace gorgon::cli

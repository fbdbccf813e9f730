#include "originator/originator.h"
#include "plan/test_files.h"
namespace gorgon::originator {
Result<Plan> make_plan(const StartOptions& options) {
  GORGON_TRY_ASSIGN(const auto files, plan::select_test_files(
                                          {.project = options.project,
                                           .globs = options.config.files,
                                           .arguments = options.selection,
                                           .working_directory = std::filesystem::current_path()}));
  Plan plan;
  int id = 0;
  for (const auto& f : files) plan.units.push_back({.id = std::to_string(++id), .file = f.path});
  return plan;
}
Result<void> save_history(const StartOptions&, const plan::Runtimes&,
                          const std::map<std::string, double>&, const std::vector<std::string>&) {
  return {};
}
}  // namespace gorgon::originator

#include <string_view>

#include "config/project_config.h"

namespace gorgon::config {

std::string_view name_of(Transport transport) {
  switch (transport) {
    case Transport::kDirect:
      return "direct";
    case Transport::kAnonymous:
      return "anonymous";
    case Transport::kSsh:
      return "ssh";
    case Transport::kNone:
      return "none";
  }
  return "none";
}

std::string_view name_of(Callback callback) {
  switch (callback) {
    case Callback::kBeforeOriginate:
      return "before_originate";
    case Callback::kAfterSync:
      return "after_sync";
    case Callback::kBeforeCreatingWorkers:
      return "before_creating_workers";
    case Callback::kBeforeStart:
      return "before_start";
    case Callback::kAfterComplete:
      return "after_complete";
    case Callback::kAfterCreatingWorkers:
      return "after_creating_workers";
    case Callback::kAfterJobFinishes:
      return "after_job_finishes";
  }
  return "";
}

}  // namespace gorgon::config

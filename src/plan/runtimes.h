#pragma once
#include <map>
#include <string>
namespace gorgon::plan {
using Runtimes = std::map<std::string, double>;
}

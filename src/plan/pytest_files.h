// Where pytest looks for a project's test files. Reads what the project says of that, runs nothing.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gorgon::plan {

/// Whether the folder `project` is one of Python: it has a file in which pytest is configured, a
/// setup.py, or a conftest.py, in itself or in a folder of its own.
[[nodiscard]] bool is_python_project(const std::filesystem::path& project);

/// The globs of the files that `pytest` without arguments would find in `project`, then those that
/// take away, with "!": by testpaths, python_files and norecursedirs of the first of pytest.ini,
/// .pytest.ini, pyproject.toml, tox.ini and setup.cfg that configures pytest, else by pytest's own
/// defaults. As there, testpaths of which nothing exists do not count.
[[nodiscard]] std::vector<std::string> pytest_globs(const std::filesystem::path& project);

}  // namespace gorgon::plan

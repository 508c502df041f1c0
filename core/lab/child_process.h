// Running another program and reading what it prints.
#pragma once

#include <string>
#include <vector>

namespace peftlab::lab {

struct ChildResult {
  int status = 0;      // exit status; 128 + signal when it was killed
  std::string output;  // its standard output
  std::string errors;  // the last part of its standard error, which is shown as it comes too
};

/// `words[0]` is looked up in PATH; no shell is involved. Throws RunError when it cannot be started.
ChildResult run_child(const std::vector<std::string>& words);

}  // namespace peftlab::lab

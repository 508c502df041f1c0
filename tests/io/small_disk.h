// A disk of 64 KiB, for tests that fill it; skipped where this process may mount nothing.
#pragma once

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>

#include "tests/support/scratch.h"

namespace peftlab::test {

class SmallDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (::mount("tmpfs", scratch_.folder().c_str(), "tmpfs", 0, "size=64k") != 0) {
      GTEST_SKIP() << "a small tmpfs cannot be mounted here: " << std::strerror(errno);
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(scratch_.folder().c_str(), MNT_DETACH);
  }
  Scratch scratch_;
  bool mounted_ = false;
};

}  // namespace peftlab::test

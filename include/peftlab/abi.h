// What must be equal on both sides before a method may share C++ types with the host.
//
// The host library defines one symbol whose *name* holds those facts and every method refers to it, so the dynamic linker
// itself refuses a mismatch before any code of the method has run.
#pragma once

#include <torch/version.h>

#include <string>

/// Raise this when a header under include/peftlab/ changes the layout or the virtual functions of a type.
/// tests/plugin/abi_guard_test.cpp fails when the headers change and this does not.
#ifndef PEFTLAB_ABI
#define PEFTLAB_ABI 1
#endif

#if defined(_LIBCPP_VERSION) || !defined(_GLIBCXX_USE_CXX11_ABI)
#define PEFTLAB_CXX11_ABI 9  // not libstdc++
#elif _GLIBCXX_USE_CXX11_ABI
#define PEFTLAB_CXX11_ABI 1
#else
#define PEFTLAB_CXX11_ABI 0
#endif

#define PEFTLAB_PASTE_(abi, major, minor, patch, cxx11) peftlab_abi##abi##_torch##major##_##minor##_##patch##_cxx11abi##cxx11
#define PEFTLAB_PASTE(abi, major, minor, patch, cxx11) PEFTLAB_PASTE_(abi, major, minor, patch, cxx11)

/// For example peftlab_abi1_torch2_13_0_cxx11abi1.
#define PEFTLAB_STAMP \
  PEFTLAB_PASTE(PEFTLAB_ABI, TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH, PEFTLAB_CXX11_ABI)

extern "C" const char PEFTLAB_STAMP;

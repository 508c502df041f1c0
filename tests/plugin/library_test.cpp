#include "core/plugin/library.h"

#include <sys/stat.h>

#include <cstdlib>

#include "core/io/sha256.h"
#include "core/plugin/linker_message.h"
#include "support.h"

namespace peftlab::plugin {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(const fs::path& path) {
  return thrown<PluginError>([&] { load_method(path); });
}

fs::path copied(const fs::path& from, const fs::path& to) {
  fs::copy_file(from, to);
  return to;
}

TEST(Library, LoadsOnceAndKnowsItsHash) {
  const auto path = kBroken / "faulty.so";
  const auto first = load_method(path);
  EXPECT_STREQ(first.entry->name, "faulty");
  EXPECT_EQ(first.sha256, io::sha256_file(path));
  EXPECT_EQ(load_method(path).entry, first.entry);
}

TEST(Library, RefusesWhatIsNoSharedLibrary) {
  const Scratch scratch;
  std::ofstream(scratch / "text.so") << "just a text, long enough to be as large as the header of an ELF file would be, and more";
  EXPECT_THAT(refusal(scratch / "text.so"), AllOf(StartsWith((scratch / "text.so").string()), HasSubstr("not an ELF file")));
  std::ofstream(scratch / "empty.so") << "";
  EXPECT_THAT(refusal(scratch / "empty.so"), HasSubstr("truncated"));
  EXPECT_THAT(refusal(scratch / "absent.so"), HasSubstr("cannot be read: No such file"));
  EXPECT_THAT(refusal(scratch.folder()), HasSubstr("not a file"));
  EXPECT_THAT(refusal("/proc/self/exe"), testing::Not(""));
}

TEST(Library, RefusesATruncatedOneAtAnyLength) {
  const Scratch scratch;
  const auto whole = kBroken / "faulty.so";
  const auto size = fs::file_size(whole);
  for (const uintmax_t length : {uintmax_t{4}, uintmax_t{40}, uintmax_t{64}, uintmax_t{1000}, size / 2, size - 1}) {
    const auto path = copied(whole, scratch / ("faulty" + std::to_string(length) + ".so"));
    fs::resize_file(path, length);
    EXPECT_THAT(refusal(path), HasSubstr("the file is truncated")) << length;
  }
}

TEST(Library, RefusesOneForAnotherProcessor) {
  const Scratch scratch;
  const auto path = copied(kBroken / "faulty.so", scratch / "faulty.so");
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(18);  // e_machine
  file.put(char{2}).put(char{0});
  file.close();
  EXPECT_THAT(refusal(path), HasSubstr("built for another processor"));
}

TEST(Library, RefusesOneThatEverybodyMayWriteTo) {
  const Scratch scratch;
  const auto path = copied(kBroken / "faulty.so", scratch / "faulty.so");
  ::chmod(path.c_str(), 0777);
  EXPECT_THAT(refusal(path), AllOf(HasSubstr("everybody may write to it"), HasSubstr("chmod o-w")));
}

TEST(Library, RefusesWhatIsNoMethod) {
  EXPECT_THAT(refusal(kBroken / "no_symbol.so"), HasSubstr("not a peftlab method: it has no symbol 'peftlab_method'"));
  EXPECT_THAT(refusal(kBroken / "missing_symbol.so"), HasSubstr("it needs the symbol 'a_function_nobody_has'"));
}

TEST(Library, RefusesAnotherAbiInWords) {
  const auto own = " ABI " + std::to_string(PEFTLAB_ABI) + ", libtorch ";
  EXPECT_THAT(refusal(kBroken / "wrong_abi.so"), AllOf(HasSubstr("built for peftlab ABI 9999, libtorch "),
                                                      HasSubstr("this program has peftlab" + own), HasSubstr("--target method_wrong_abi")));
  EXPECT_THAT(refusal(kBroken / "other_cxx_library.so"), AllOf(HasSubstr("libc++"), HasSubstr("without -stdlib=libc++")));
}

TEST(Library, RefusesANameThatIsNotTheFiles) {
  const Scratch scratch;
  EXPECT_THAT(refusal(copied(kBroken / "faulty.so", scratch / "other.so")),
              AllOf(HasSubstr("holds the method 'faulty'"), HasSubstr("rename it to faulty.so")));
}

TEST(Library, LoadsAStrippedOne) {
  const Scratch scratch;
  const auto path = copied(kBroken / "faulty.so", scratch / "faulty.so");
  if (std::system(("strip '" + path.string() + "' 2>/dev/null").c_str()) != 0) GTEST_SKIP() << "needs the program strip";
  EXPECT_STREQ(load_method(path).entry->name, "faulty");
}

TEST(Library, LoadsOneThatClangBuilt) {
  if (!fs::exists(kBroken / "by_clang.so")) GTEST_SKIP() << "needs clang++ when the tests are built";
  EXPECT_STREQ(load_method(kBroken / "by_clang.so").entry->name, "by_clang");
  const Environment methods("PEFTLAB_METHODS", kBroken.string());
  EXPECT_NE(created("by_clang", R"({"level":2})").method, nullptr);
}

TEST(Library, RefusesOneOnLibcxx) {
  if (!fs::exists(kBroken / "by_libcxx.so")) GTEST_SKIP() << "needs clang++ and libc++ when the tests are built";
  EXPECT_THAT(refusal(kBroken / "by_libcxx.so"), HasSubstr("built with another C++ library (libc++)"));
}

TEST(Library, IsFoundByNameAlone) {
  const Scratch scratch;
  copied(kBroken / "faulty.so", scratch / "faulty.so");
  std::ofstream(scratch / "aaa.so") << "broken";
  const Environment methods("PEFTLAB_METHODS", "/does/not/exist:" + scratch.folder().string());
  EXPECT_EQ(find_method("faulty").path, scratch / "faulty.so");
  EXPECT_EQ(find_method((scratch / "faulty.so").string()).path.filename(), "faulty.so");
  const auto message = thrown<ConfigError>([] { find_method("fautly"); });
  EXPECT_THAT(message, AllOf(HasSubstr("no method 'fautly'; did you mean 'faulty'?"), HasSubstr("there are aaa, "), HasSubstr("faulty")));
}

TEST(Library, IsFoundBesideTheProgram) {
  for (const char* name : {"lora", "full", "last_layer"}) EXPECT_STREQ(find_method(name).entry->name, name);
}

TEST(Library, ListNamesWhatWasRefusedAndHidden) {
  const Scratch one;
  const Scratch two;
  copied(kBroken / "faulty.so", one / "faulty.so");
  copied(kBroken / "faulty.so", two / "faulty.so");
  std::ofstream(two / "text.so") << "not a library at all, and long enough for its first bytes to be looked at in full";
  const Environment methods("PEFTLAB_METHODS", one.folder().string() + ":" + two.folder().string() + ":/does/not/exist");
  const auto list = list_methods();
  std::map<std::string, std::string> refused;
  for (const auto& library : list.refused) refused[library.path.string()] = library.reason;
  EXPECT_THAT(refused[(two / "faulty.so").string()], HasSubstr("hidden by " + (one / "faulty.so").string()));
  EXPECT_THAT(refused[(two / "text.so").string()], StartsWith("not an ELF file"));
  EXPECT_THAT(refused["/does/not/exist"], HasSubstr("no such folder"));
  std::vector<std::string> found;
  for (const auto& library : list.found) found.push_back(library.entry->name);
  EXPECT_THAT(found, testing::IsSupersetOf({"faulty", "full", "last_layer", "lora"}));
}

TEST(LinkerMessage, KnowsOtherLibtorchOldAbiAndTheRest) {
  const auto torch = linker_reason("x.so: undefined symbol: peftlab_abi1_torch1_13_0_cxx11abi1", "x");
  EXPECT_THAT(torch, HasSubstr("built for peftlab ABI 1, libtorch 1.13.0; this program has"));
  EXPECT_THAT(linker_reason("undefined symbol: peftlab_abi1_torch2_13_0_cxx11abi0", "x"), HasSubstr("the old libstdc++ ABI"));
  EXPECT_THAT(linker_reason("libc++.so.1: cannot open shared object file", "x"), HasSubstr("libc++"));
  EXPECT_THAT(linker_reason("undefined symbol: _ZN5torch2nn6Module1fENSt3__112basic_stringE", "x"), HasSubstr("libc++"));
  EXPECT_THAT(linker_reason("libfoo.so: cannot open", "x"), HasSubstr("the dynamic linker refuses it: libfoo.so: cannot open"));
}

TEST(Created, TellsWhatCreateThrowsWithTheLibrarysPath) {
  const Environment methods("PEFTLAB_METHODS", kBroken.string());
  const auto path = (kBroken / "faulty.so").string();
  EXPECT_THAT(thrown<PluginError>([] { created("faulty", R"({"fault":"create"})"); }),
              AllOf(StartsWith(path + ": method 'faulty' failed while it was created: out of ideas"), HasSubstr("a fault of the method")));
  EXPECT_THAT(thrown<PluginError>([] { created("faulty", R"({"fault":"create_int"})"); }), HasSubstr("no std::exception"));
  EXPECT_EQ(thrown<ConfigError>([] { created("faulty", R"({"fault":"create_config"})"); }),
            "test.json:1:2: /method: level and fault do not go together");
}

TEST(Created, TellsWrongOptionsAndNothingElse) {
  const Environment methods("PEFTLAB_METHODS", kBroken.string());
  EXPECT_THAT(thrown<ConfigError>([] { created("faulty", R"({"level":0,"leve":1})"); }),
              AllOf(HasSubstr("/method/level: expected an integer of at least 1 and at most 9, got 0"),
                    HasSubstr("/method/leve: unknown key; did you mean 'level'?")));
  EXPECT_EQ(created("faulty", R"({"name":"faulty","level":4})").options.dump(), R"({"fault":"none","level":4})");
}

TEST(Created, DeclaresItsOptionsForHelp) {
  const auto declared = declared_options(load_method(kBroken / "faulty.so"));
  ASSERT_EQ(declared.size(), 2u);
  EXPECT_EQ(declared[0].key, "fault");
  EXPECT_EQ(declared[1].fallback, 3);
}

}  // namespace
}  // namespace peftlab::plugin

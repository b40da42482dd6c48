#include "server/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <thread>

#include "protocol/stun/integrity.h"
#include "tests/support/temporary_directory.h"

namespace relay::load_test {

using testing::HasSubstr;
using testing::SizeIs;

class LoadFile : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) const {
    return folder_.Write(name, content);
  }

  test_support::TemporaryDirectory folder_;
  const std::string& directory_ = folder_.path();
};

TEST_F(LoadFile, ThatIsNotThereIsAnError) {
  const LoadedConfig loaded = LoadConfigFile(directory_ + "/none.yaml", {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_EQ(loaded.errors[0].ToString(),
            directory_ + "/none.yaml: cannot be read: No such file or directory");
}

TEST_F(LoadFile, ThatIsAFolderIsAnError) {
  const LoadedConfig loaded = LoadConfigFile(directory_, {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("cannot be read: Is a directory"));
}

TEST_F(LoadFile, ThatIsBinaryIsAnError) {
  const std::string path = Write("a.yaml", std::string("\x7f"
                                                       "ELF\0\1\2\3: [\xff",
                                                       12));
  EXPECT_FALSE(LoadConfigFile(path, {}).ok());
}

TEST_F(LoadFile, SaysFileAndLineOfAnError) {
  const std::string path = Write("a.yaml", "realm: a\nnodes: b\n");
  const LoadedConfig loaded = LoadConfigFile(path, {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_EQ(loaded.errors[0].ToString(),
            path + ":2: nodes: is not a known key; the nearest one is node");
}

TEST_F(LoadFile, ReadsSecretsFromFilesBesideIt) {
  Write("alice.password", "p\xc3\xa4ssword\r\n\n");
  Write("k1", "a secret of a file\n");
  const std::string path =
      Write("a.yaml",
            "realm: r\nauth:\n  users: [{username: alice, password_file: alice.password}]\n"
            "  shared_secrets: [{id: k1, secret_file: k1}]\n");
  const LoadedConfig loaded = LoadConfigFile(path, {});
  ASSERT_TRUE(loaded.ok()) << loaded.errors[0].ToString();
  EXPECT_EQ(loaded.config.auth.users[0].md5_key,
            stun::LongTermKeyMd5("alice", "r", "p\xc3\xa4ssword"));
  EXPECT_EQ(loaded.config.auth.shared_secrets[0].secret, "a secret of a file");
  ASSERT_THAT(loaded.files, SizeIs(2));
  EXPECT_TRUE(loaded.files[0].ends_with("/alice.password"));
  EXPECT_TRUE(loaded.files[1].ends_with("/k1"));
}

TEST_F(LoadFile, ReadsKeysOfAccessTokensFromFilesBesideIt) {
  Write("north.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
  const std::string path = Write("a.yaml",
                                 "auth:\n  access_tokens: {server_name: turn.example, keys: [{kid: "
                                 "north, key_file: north.key}]}\n");
  const LoadedConfig loaded = LoadConfigFile(path, {});
  ASSERT_TRUE(loaded.ok()) << loaded.errors[0].ToString();
  EXPECT_EQ(loaded.config.auth.access_tokens.keys[0].key_base64,
            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
}

TEST_F(LoadFile, RefusesAKeyFileThatHoldsNoKeyAndDoesNotRepeatIt) {
  const std::string key = Write("k", "hunter2\n");
  const LoadedConfig loaded = LoadConfigText(
      "auth: {access_tokens: {server_name: a, keys: [{kid: k, key_file: " + key + "}]}}\n", "t",
      {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("is not base64 of such a key"));
  EXPECT_EQ(loaded.errors[0].ToString().find("hunter2"), std::string::npos);
}

TEST_F(LoadFile, ReadsSecretsFromAbsolutePaths) {
  const std::string secret = Write("k1", "a secret of a file");
  const LoadedConfig loaded =
      LoadConfigText("auth: {shared_secrets: [{id: k1, secret_file: " + secret + "}]}\n", "t", {});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.auth.shared_secrets[0].secret, "a secret of a file");
}

TEST_F(LoadFile, RefusesAnEmptySecretFile) {
  const std::string secret = Write("k1", "\n\n");
  const LoadedConfig loaded =
      LoadConfigText("auth: {shared_secrets: [{id: k1, secret_file: " + secret + "}]}\n", "t", {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("'" + secret + "' is empty"));
}

TEST_F(LoadFile, RefusesAnImmenseSecretFile) {
  const std::string secret = Write("k1", std::string(65537, 'x'));
  const LoadedConfig loaded =
      LoadConfigText("auth: {shared_secrets: [{id: k1, secret_file: " + secret + "}]}\n", "t", {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("too large"));
}

TEST_F(LoadFile, RefusesAPasswordFileThatIsNoText) {
  const std::string password = Write("p", std::string("a\0b", 3));
  const LoadedConfig loaded =
      LoadConfigText("auth: {users: [{username: a, password_file: " + password + "}]}\n", "t", {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("the content contains a control character"));
}

TEST(Diagnostic, LeavesOutWhatItDoesNotHave) {
  EXPECT_EQ((Diagnostic{"a.yaml", 3, "realm", "is empty"}.ToString()), "a.yaml:3: realm: is empty");
  EXPECT_EQ((Diagnostic{"a.yaml", 0, "", "is gone"}.ToString()), "a.yaml: is gone");
  EXPECT_EQ((Diagnostic{"", 0, "auth", "is odd"}.ToString()), "auth: is odd");
  EXPECT_EQ((Diagnostic{"--set", 0, "realm", "is empty"}.ToString()), "--set: realm: is empty");
}

TEST_F(LoadFile, KnowsWhenNothingIsWritten) {
  EXPECT_TRUE(LoadConfigFile(Write("a.yaml", "# nothing\n"), {"realm=r"}).is_empty);
  EXPECT_FALSE(LoadConfigFile(Write("a.yaml", "realm: r\n"), {}).is_empty);
}

TEST_F(LoadFile, MayBeAPipeIfSomebodyWritesToIt) {
  const std::string path = directory_ + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path) << "realm: piped\n"; });
  const LoadedConfig loaded = LoadConfigFile(path, {});
  writer.join();
  ASSERT_TRUE(loaded.ok()) << loaded.errors[0].ToString();
  EXPECT_EQ(loaded.config.realm, "piped");
}

TEST_F(LoadFile, ThatIsAPipeOfNobodyIsNotWaitedForWithoutEnd) {
  const std::string path = directory_ + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const LoadedConfig loaded = LoadConfigFile(path, {});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_EQ(loaded.errors[0].message, "cannot be read: nobody writes to it");
}

}  // namespace relay::load_test

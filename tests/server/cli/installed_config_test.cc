#include "server/cli/installed_config.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/temporary_directory.h"

namespace relay::installed_config_test {

using test_support::TemporaryDirectory;

TEST(InstalledConfig, IsTakenWhereThereIsOne) {
  const TemporaryDirectory directory;
  const std::string path = directory.File("senso-turn.yaml");
  EXPECT_EQ(FindInstalledConfig(path), std::nullopt);
  directory.Write("senso-turn.yaml", "realm: example.org");
  EXPECT_EQ(FindInstalledConfig(path), path);
}

TEST(InstalledConfig, InAFolderThatIsNoneThereIsNone) {
  const TemporaryDirectory directory;
  EXPECT_EQ(FindInstalledConfig(directory.Write("file", "no folder") + "/senso-turn.yaml"),
            std::nullopt);
}

}  // namespace relay::installed_config_test

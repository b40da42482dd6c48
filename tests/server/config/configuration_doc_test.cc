#include "server/config/configuration_doc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "server/config/schema.h"

namespace relay::configuration_doc_test {

using testing::HasSubstr;

TEST(ConfigurationDocument, ExplainsEveryKeyOnce) {
  const std::string document = GenerateConfigurationDocument();
  for (const Row& row : Schema()) {
    const std::string cell = "\n| `" + row.path + "` |";
    const std::size_t first = document.find(cell);
    ASSERT_NE(first, std::string::npos) << row.path;
    EXPECT_EQ(document.find(cell, first + 1), std::string::npos) << row.path;
  }
}

TEST(ConfigurationDocument, HasTheDefaultOfAKeyInItsRow) {
  const std::string document = GenerateConfigurationDocument();
  EXPECT_THAT(document,
              HasSubstr("| `limits.bandwidth_per_allocation` | bandwidth (bit, kbit, Mbit, "
                        "Gbit a second) | `50Mbit` |"));
  EXPECT_THAT(document,
              HasSubstr("| `auth.expired_refresh.max` | duration (s, m, h, d) | `12h` |"));
  EXPECT_THAT(document, HasSubstr("| `listeners[].port` | port | **required** |"));
}

TEST(ConfigurationDocument, OfTheRepositoryIsCurrent) {
  std::ifstream file(CONFIGURATION_DOCUMENT);
  ASSERT_TRUE(file) << CONFIGURATION_DOCUMENT;
  std::stringstream content;
  content << file.rdbuf();
  EXPECT_TRUE(content.str() == GenerateConfigurationDocument())
      << "run: senso-turn generate configuration > docs/configuration.md";
}

}  // namespace relay::configuration_doc_test

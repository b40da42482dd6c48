#include "server/config/schema.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/config/yaml_reader.h"

namespace relay::schema_test {

TEST(Schema, HasEachKeyOnce) {
  std::set<std::string> seen;
  for (const Row& row : Schema()) EXPECT_TRUE(seen.insert(row.path).second) << row.path;
}

TEST(Schema, SaysOfEachKeyWhatItIsAndWhatItAccepts) {
  for (const Row& row : Schema()) {
    EXPECT_FALSE(row.type.empty()) << row.path;
    EXPECT_FALSE(row.accepted.empty()) << row.path;
    EXPECT_TRUE(row.doc.ends_with('.')) << row.path;
    EXPECT_EQ(row.doc.find('\n'), std::string::npos) << row.path;
    EXPECT_TRUE(row.parse && row.print) << row.path;
    EXPECT_EQ(row.shape == Row::Shape::kListOfMaps, static_cast<bool>(row.append)) << row.path;
  }
}

TEST(Schema, HasTheListOfEachItemsKeyBeforeIt) {
  std::set<std::string> seen;
  for (const Row& row : Schema()) {
    seen.insert(row.path);
    const std::size_t end = row.path.find("[]");
    if (end == std::string::npos) continue;
    EXPECT_TRUE(seen.contains(row.path.substr(0, end))) << row.path;
  }
}

TEST(Schema, PrintsDefaultsThatParseBackToTheSame) {
  for (const Row& row : Schema()) {
    if (row.is_required || row.shape == Row::Shape::kListOfMaps) continue;
    const std::string text = DefaultText(row);
    if (text.empty()) continue;
    Draft draft;
    for (const Row& list : Schema()) {
      if (row.path.starts_with(list.path + "[]")) list.append(draft);
    }
    std::vector<Diagnostic> errors;
    const auto problems = row.parse(draft, ReadYaml(text, "default", errors));
    ASSERT_TRUE(errors.empty()) << row.path << ": " << text;
    EXPECT_TRUE(problems.empty()) << row.path << ": " << text << ": " << problems[0].text;
    EXPECT_EQ(row.print(draft), text) << row.path;
  }
}

TEST(Schema, NamesTheNearestKey) {
  EXPECT_EQ(NearestKey("relm"), "realm");
  EXPECT_EQ(NearestKey("relay.adresses"), "relay.addresses");
  EXPECT_EQ(NearestKey("limits.allocation"), "limits.allocations");
  EXPECT_EQ(NearestKey("listeners[].prot"), "listeners[].port");
  EXPECT_EQ(NearestKey("shared_secrets"), "auth.shared_secrets");
  EXPECT_EQ(NearestKey("logs"), "log");
  EXPECT_EQ(NearestKey("auth.user"), "auth.users");
}

TEST(Schema, NamesSomeKeyForAnythingAtAll) {
  EXPECT_FALSE(NearestKey("").empty());
  EXPECT_FALSE(NearestKey(std::string(100'000, 'x')).empty());
  EXPECT_FALSE(NearestKey("nothing.like.it").empty());
}

TEST(Schema, KnowsGroupsFromKeys) {
  EXPECT_TRUE(IsGroup("relay"));
  EXPECT_TRUE(IsGroup("relay.ports"));
  EXPECT_TRUE(IsGroup("listeners[]"));
  EXPECT_FALSE(IsGroup("relay.ports.min"));
  EXPECT_FALSE(IsGroup("rel"));
  EXPECT_EQ(FindRow("relay.ports"), nullptr);
  EXPECT_NE(FindRow("relay.ports.min"), nullptr);
}

}  // namespace relay::schema_test

#include "server/sandbox/places.h"

#include <filesystem>

#include "tests/support/temporary_directory.h"

namespace relay::places_test {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

class PlacesTest : public testing::Test {
 protected:
  std::string Folder(const std::string& name) const {
    fs::create_directories(folder_.File(name));
    return fs::canonical(folder_.File(name)).string();
  }
  void Link(const std::string& target, const std::string& name) const {
    fs::create_symlink(target, folder_.File(name));
  }

  test_support::TemporaryDirectory folder_;
};

TEST_F(PlacesTest, WhatIsNotThereHasNone) {
  EXPECT_THAT(PlacesOf(folder_.File("nothing")), IsEmpty());
  Link("nothing", "link");
  EXPECT_THAT(PlacesOf(folder_.File("link")), IsEmpty());
}

TEST_F(PlacesTest, LinksInACircleHaveNone) {
  Link("two", "one");
  Link("one", "two");
  EXPECT_THAT(PlacesOf(folder_.File("one")), IsEmpty());
}

TEST_F(PlacesTest, AFileHasItsFolderAlone) {
  EXPECT_THAT(PlacesOf(folder_.Write("key.pem", "key")), ElementsAre(Folder(".")));
}

TEST_F(PlacesTest, NeverEverything) {
  EXPECT_THAT(PlacesOf("/proc"), ElementsAre("/proc"));
  Link("/proc", "link");
  EXPECT_THAT(PlacesOf(folder_.File("link")), ElementsAre("/proc"));
}

// live/name/key.pem -> ../../archive/name/key1.pem; the next one is archive/name/key2.pem.
TEST_F(PlacesTest, ALinkIntoAnotherFolderHasThatOne) {
  const std::string archive = Folder("archive/name");
  Folder("live/name");
  folder_.Write("archive/name/key1.pem", "key");
  Link("../../archive/name/key1.pem", "live/name/key.pem");
  EXPECT_THAT(PlacesOf(folder_.File("live/name/key.pem")), Contains(archive));
}

// mount/key.pem -> ..data/key.pem, ..data -> ..2026; then ..data leads to ..2027.
TEST_F(PlacesTest, AFolderBehindALinkMayBeAnotherOneLater) {
  const std::string mount = Folder("mount");
  Folder("mount/..2026");
  folder_.Write("mount/..2026/key.pem", "key");
  Link("..2026", "mount/..data");
  Link("..data/key.pem", "mount/key.pem");
  EXPECT_THAT(PlacesOf(folder_.File("mount/key.pem")), Contains(mount));
  EXPECT_THAT(PlacesOf(folder_.File("mount/key.pem")), Not(Contains(Folder("."))));
}

TEST_F(PlacesTest, PartsThatLeadNowhereDoNotMatter) {
  const std::string folder = Folder("a/b");
  folder_.Write("a/b/key.pem", "key");
  EXPECT_THAT(PlacesOf(folder_.File("a/./b/../b//key.pem")), ElementsAre(folder));
}

}  // namespace relay::places_test

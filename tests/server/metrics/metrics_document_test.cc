#include "server/metrics/metrics_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "server/metrics/metric_catalog.h"

namespace relay::metrics_document_test {

TEST(MetricsDocument, DescribesEveryFamily) {
  const std::string document = GenerateMetricsDocument();
  for (const MetricRow& row : MetricCatalog()) {
    EXPECT_THAT(document, testing::HasSubstr("## `" + FullName(row) + "`\n"));
  }
}

// With WRITE_DOCS=1 in the environment the file is written instead.
TEST(MetricsDocument, IsCurrentInTheRepository) {
  if (const char* write = std::getenv("WRITE_DOCS");
      write != nullptr && std::string_view(write) == "1") {
    std::ofstream(METRICS_DOCUMENT) << GenerateMetricsDocument();
  }
  std::ifstream file(METRICS_DOCUMENT);
  std::ostringstream content;
  content << file.rdbuf();
  EXPECT_EQ(content.str(), GenerateMetricsDocument()) << "run this test with WRITE_DOCS=1";
}

}  // namespace relay::metrics_document_test

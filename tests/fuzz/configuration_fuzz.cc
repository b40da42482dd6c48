#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/check.h"
#include "server/config/draft.h"
#include "server/config/load.h"
#include "server/config/schema.h"
#include "server/config/units.h"

namespace {

using relay::CertificateNeed;
using relay::Diagnostic;
using relay::LoadedConfig;

constexpr std::string_view kSource = "fuzz.yaml";

LoadedConfig Load(std::string_view text, const std::vector<std::string>& overrides = {}) {
  return relay::LoadConfigText(text, std::string(kSource), overrides, "/nonexistent",
                               CertificateNeed::kIsMadeIfMissing);
}

std::vector<std::string> Texts(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> texts;
  for (const Diagnostic& each : diagnostics) texts.push_back(each.ToString());
  return texts;
}

void CheckDiagnostics(const std::vector<Diagnostic>& diagnostics, int lines) {
  int line = 0;
  for (const Diagnostic& each : diagnostics) {
    CHECK(!each.message.empty() && each.source == kSource);
    CHECK(each.line >= line && each.line <= lines);
    line = each.line;
    // One line of a terminal, whatever was written.
    CHECK(std::ranges::none_of(each.ToString(), [](char letter) {
      return static_cast<unsigned char>(letter) < ' ' || letter == '\x7f';
    }));
  }
}

// What holds for whatever was accepted.
void CheckBounds(const relay::Config& config) {
  CHECK(!config.roles.empty() && !config.realm.empty() && config.realm.size() < 128 * 4);
  CHECK(config.relay.min_port != 0 && config.relay.min_port <= config.relay.max_port);
  for (const auto& listener : config.listeners) {
    CHECK(!listener.trusted_proxies || !listener.trusted_proxies->empty());
  }
  for (const auto& each : config.relay.external_addresses)
    CHECK(each.internal.family() == each.external.family());
  const auto& lifetimes = config.lifetimes;
  CHECK(lifetimes.default_lifetime.count() > 0 && lifetimes.default_lifetime <= lifetimes.max);
  CHECK(lifetimes.nonce.count() > 0);
  CHECK(lifetimes.permission.count() > 0 && lifetimes.channel.count() > 0);
  CHECK(config.credentials.default_ttl <= config.credentials.max_ttl);
  for (const auto& issuer : config.credentials.issuers)
    CHECK(issuer.issuer.empty() != issuer.issuer_suffix.empty() && !issuer.algorithms.empty());
  for (const auto& secret : config.auth.shared_secrets)
    CHECK(!secret.id.empty() && !secret.secret.empty());
}

// What a key came to, printed as docs/configuration.md would, is taken for the same.
void CheckPrinted(const relay::Config& config) {
  relay::Draft draft;
  draft.config = config;
  std::vector<std::string> overrides;
  std::vector<const relay::Row*> rows;
  for (const relay::Row& row : relay::Schema()) {
    if (row.path.find("[]") != std::string::npos || !row.print || !row.is_same) continue;
    if (row.shape == relay::Row::Shape::kListOfMaps || row.type == "path") continue;
    const std::string printed = row.print(draft);
    // A variable of the environment would be put in, and a control character folded.
    const bool has_control = std::ranges::any_of(printed, [](char letter) {
      return static_cast<unsigned char>(letter) < ' ' || letter == '\x7f';
    });
    if (printed.empty() || has_control || printed.find("${") != std::string::npos) continue;
    overrides.push_back(row.path + "=" + printed);
    rows.push_back(&row);
  }
  const LoadedConfig again = Load("", overrides);
  relay::Draft draft_again;
  draft_again.config = again.config;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i]->is_same(draft, draft_again)) continue;
    std::fprintf(stderr, "not the same: %s\n", overrides[i].c_str());
    for (const std::string& text : Texts(again.errors)) std::fprintf(stderr, "%s\n", text.c_str());
    CHECK(false);
  }
}

// Quantities: what is printed is the shortest spelling and parses back.
void CheckUnits(const std::string& text) {
  if (const auto each = relay::ParseDuration(text))
    CHECK(relay::ParseDuration(relay::PrintDuration(*each)) == each);
  if (const auto each = relay::ParseShortDuration(text))
    CHECK(relay::ParseShortDuration(relay::PrintShortDuration(*each)) == each);
  if (const auto each = relay::ParseBitRate(text))
    CHECK(relay::ParseBitRate(relay::PrintBitRate(*each)) == each);
  if (const auto each = relay::ParseRate(text))
    CHECK(relay::ParseRate(relay::PrintRate(*each)) == each);
}

}  // namespace

// Any octets as a configuration file: each is judged the same every time, what is wrong is told
// with its line, and what is accepted stays inside its bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (size < 64) CheckUnits(std::string(text));
  const LoadedConfig loaded = Load(text);
  const int lines =
      static_cast<int>(std::ranges::count(text, '\n') + std::ranges::count(text, '\r')) + 1;
  CheckDiagnostics(loaded.errors, lines);
  CheckDiagnostics(loaded.warnings, lines);
  if (!loaded.ok()) return 0;
  const LoadedConfig again = Load(text);
  CHECK(again.ok() && Texts(again.warnings) == Texts(loaded.warnings));
  CheckBounds(loaded.config);
  CheckPrinted(loaded.config);
  return 0;
}

#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "protocol/stun/attributes.h"
#include "protocol/stun/channel_data.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_view.h"
#include "protocol/stun/message_writer.h"

// What one message costs in the codec: a ChannelBind request with long-term credentials, a Send
// indication, ChannelData.
namespace {

using stun::AttributeType;

constexpr stun::TransactionId kId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
constexpr std::size_t kPayloadBytes = 160;

const base::Endpoint& Peer() {
  static const base::Endpoint peer{base::IpAddress::FromV4({192, 0, 2, 1}), 40000};
  return peer;
}

const base::Md5Digest& Key() {
  static const base::Md5Digest key = stun::LongTermKeyMd5("user", "example.org", "password");
  return key;
}

base::Bytes WriteChannelBind(base::MutableBytes buffer, bool is_signed) {
  stun::MessageWriter writer(buffer, {stun::Method::kChannelBind, stun::MessageClass::kRequest},
                             kId);
  writer.AddU32(AttributeType::kChannelNumber, 0x40000000);
  writer.AddXorAddress(AttributeType::kXorPeerAddress, Peer());
  writer.AddText(AttributeType::kUsername, "user");
  writer.AddText(AttributeType::kRealm, "example.org");
  writer.AddText(AttributeType::kNonce, "0123456789abcdef0123456789abcdef");
  if (is_signed) writer.AddMessageIntegrity(Key());
  return writer.message();
}

base::Bytes WriteSendIndication(base::MutableBytes buffer) {
  static constexpr std::array<std::uint8_t, kPayloadBytes> kPayload{};
  stun::MessageWriter writer(buffer, {stun::Method::kSend, stun::MessageClass::kIndication}, kId);
  writer.AddXorAddress(AttributeType::kXorPeerAddress, Peer());
  writer.AddBytes(AttributeType::kData, kPayload);
  return writer.message();
}

void BuildRequest(benchmark::State& state) {
  std::array<std::uint8_t, 512> buffer;
  for (auto _ : state) benchmark::DoNotOptimize(WriteChannelBind(buffer, false));
}
BENCHMARK(BuildRequest);

void BuildSignedRequest(benchmark::State& state) {
  std::array<std::uint8_t, 512> buffer;
  for (auto _ : state) benchmark::DoNotOptimize(WriteChannelBind(buffer, true));
}
BENCHMARK(BuildSignedRequest);

void ParseRequest(benchmark::State& state) {
  std::array<std::uint8_t, 512> buffer;
  const base::Bytes message = WriteChannelBind(buffer, true);
  for (auto _ : state) {
    const auto view = stun::MessageView::Parse(message);
    benchmark::DoNotOptimize(view->Find(AttributeType::kXorPeerAddress));
    benchmark::DoNotOptimize(view->Find(AttributeType::kNonce));
  }
}
BENCHMARK(ParseRequest);

void VerifyIntegrity(benchmark::State& state) {
  std::array<std::uint8_t, 512> buffer;
  const auto view = stun::MessageView::Parse(WriteChannelBind(buffer, true));
  for (auto _ : state) benchmark::DoNotOptimize(stun::VerifyMessageIntegrity(*view, Key()));
}
BENCHMARK(VerifyIntegrity);

void LongTermKey(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(stun::LongTermKeyMd5("user", "example.org", "password"));
  }
}
BENCHMARK(LongTermKey);

void BuildSendIndication(benchmark::State& state) {
  std::array<std::uint8_t, 512> buffer;
  for (auto _ : state) benchmark::DoNotOptimize(WriteSendIndication(buffer));
}
BENCHMARK(BuildSendIndication);

void ParseSendIndication(benchmark::State& state) {
  std::array<std::uint8_t, 512> buffer;
  const base::Bytes message = WriteSendIndication(buffer);
  for (auto _ : state) {
    const auto view = stun::MessageView::Parse(message);
    const auto peer = view->Find(AttributeType::kXorPeerAddress);
    benchmark::DoNotOptimize(
        stun::DecodeXorAddress(peer->value, view->cookie_and_transaction_id()));
    benchmark::DoNotOptimize(view->Find(AttributeType::kData));
  }
}
BENCHMARK(ParseSendIndication);

void ParseChannelData(benchmark::State& state) {
  std::array<std::uint8_t, kPayloadBytes + stun::kChannelDataHeaderBytes> buffer{};
  stun::WriteChannelDataHeader(buffer, stun::kFirstChannel, kPayloadBytes);
  for (auto _ : state) {
    benchmark::DoNotOptimize(buffer.data());
    benchmark::DoNotOptimize(stun::ParseChannelData(buffer));
  }
}
BENCHMARK(ParseChannelData);

}  // namespace

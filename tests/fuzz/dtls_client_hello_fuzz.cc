#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/base/random.h"
#include "server/tls/dtls_session.h"
#include "server/tls/self_signed.h"

// Datagrams of a stranger, then of one who has shown a good cookie. The input is a row of
// datagrams, each with its length in two octets in front. Where a ClientHello has room for a cookie
// of ours, a good one is put in, since guessing it would take for ever.
namespace {

constexpr std::size_t kHelloPosition = 25;
constexpr std::size_t kSessionIdPosition = kHelloPosition + 2 + 32;

class Counter final : public relay::DatagramSink {
 public:
  void SendDatagram(base::Bytes datagram) override {
    ++datagrams;
    octets += datagram.size();
  }
  std::size_t datagrams = 0;
  std::size_t octets = 0;
};

std::shared_ptr<const relay::TlsContext> MakeContext(base::RandomSource& random) {
  const auto made = relay::MakeSelfSignedCertificate(relay::KeyType::kEcP256, {"turn.example.test"},
                                                     {}, std::chrono::system_clock::now());
  CHECK(made.ok());
  std::string folder = (std::filesystem::temp_directory_path() / "senso-turn-XXXXXX").string();
  CHECK(::mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/both.pem";
  std::ofstream(path) << made.value().certificate_pem << made.value().private_key_pem;
  const auto certificate = relay::Certificate::Load(path, path);
  std::filesystem::remove_all(folder);
  CHECK(certificate.ok());
  auto context = relay::TlsContext::Create({certificate.value()},
                                           {relay::TicketKey::Generate(random), std::nullopt});
  CHECK(context.ok());
  return std::move(context).value();
}

// What stays from input to input, as in a server.
struct Server {
  base::OsRandom random;
  std::shared_ptr<const relay::TlsContext> context = MakeContext(random);
  relay::DtlsCookies cookies{random};
  relay::DtlsAcceptor acceptor{context, cookies};
  base::Endpoint client = base::Endpoint::Parse("192.0.2.1:40000").value();
  base::Endpoint address = base::Endpoint::Parse("192.0.2.2:5349").value();
  base::MonotonicTime now{std::chrono::hours(1)};
};

// The datagram at the front, which is taken away.
std::vector<std::uint8_t> TakeDatagram(base::Bytes& rest) {
  if (rest.size() < 2) {
    rest = {};
    return {};
  }
  const std::size_t claimed = std::size_t{rest[0]} << 8 | rest[1];
  const std::size_t length = std::min(claimed, rest.size() - 2);
  std::vector<std::uint8_t> datagram(rest.begin() + 2,
                                     rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
  rest = rest.subspan(2 + length);
  return datagram;
}

void PutCookie(std::vector<std::uint8_t>& datagram, const relay::DtlsCookies::Cookie& cookie) {
  if (datagram.size() <= kSessionIdPosition) return;
  const std::size_t length = kSessionIdPosition + 1 + datagram[kSessionIdPosition];
  if (datagram.size() < length + 1 + cookie.size() || datagram[length] != cookie.size()) return;
  std::copy(cookie.begin(), cookie.end(),
            datagram.begin() + static_cast<std::ptrdiff_t>(length + 1));
}

void Feed(relay::DtlsSession& session, std::vector<std::uint8_t> datagram) {
  Counter sink;
  session.IsOwnClientHello(datagram);
  session.Receive(datagram, sink);
  while (const auto count = session.Read(datagram, sink)) CHECK(*count <= datagram.size());
  session.Advance(sink);
  session.Send(datagram, sink);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Server server;
  const auto cookie = server.cookies.Make(server.client, server.address, server.now);
  std::unique_ptr<relay::DtlsSession> session;
  base::Bytes rest(data, size);
  while (!rest.empty()) {
    std::vector<std::uint8_t> datagram = TakeDatagram(rest);
    if (session != nullptr) {
      Feed(*session, std::move(datagram));
      continue;
    }
    PutCookie(datagram, cookie);
    Counter sink;
    session = server.acceptor.Receive(datagram, server.client, server.address, server.now, sink);
    // Without a cookie the answer, if there is any, is the smaller of the two.
    if (session == nullptr && sink.datagrams > 0) {
      CHECK(sink.datagrams == 1 && sink.octets < datagram.size());
    }
    if (session != nullptr) CHECK(session->IsOwnClientHello(datagram));
  }
  if (session != nullptr) {
    Counter sink;
    session->Close(sink);
  }
  return 0;
}

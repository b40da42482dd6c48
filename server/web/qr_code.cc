#include "server/web/qr_code.h"

#include <qrencode.h>

#include <memory>

namespace relay {

std::optional<std::vector<std::string>> EncodeQr(std::string_view text) {
  if (text.empty() || text.size() > kMaxQrTextBytes) return std::nullopt;
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeString8bit(std::string(text).c_str(), 0, QR_ECLEVEL_M), &QRcode_free);
  if (code == nullptr) return std::nullopt;
  const auto width = static_cast<std::size_t>(code->width);
  std::vector<std::string> rows(width, std::string(width, '0'));
  for (std::size_t i = 0; i < width * width; ++i) {
    if ((code->data[i] & 1) != 0) rows[i / width][i % width] = '1';
  }
  return rows;
}

}  // namespace relay

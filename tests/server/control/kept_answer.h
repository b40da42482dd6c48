#pragma once

#include <string>
#include <string_view>

#include "server/http/line_server.h"

namespace relay {

// Keeps what an administrator is answered.
class KeptAnswer final : public LineReply::Recipient {
 public:
  void Send(std::string_view text, bool is_last) override {
    if (is_finished_) return;
    text_ += text;
    is_finished_ = is_last;
  }
  const std::string& text() const { return text_; }
  bool is_finished() const { return is_finished_; }

 private:
  std::string text_;
  bool is_finished_ = false;
};

}  // namespace relay

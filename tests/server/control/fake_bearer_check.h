#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/control/bearer_check.h"

namespace relay {

// Knows the tokens that the test gives it, and answers at once or when it is told to.
class FakeBearerCheck final : public BearerCheck {
 public:
  void Check(std::string_view token, std::function<void(Answer)> done) override {
    const auto found = answers.find(std::string(token));
    const Answer answer =
        found == answers.end() ? Answer(auth::BearerError::kSignature) : found->second;
    if (!is_slow) return done(answer);
    waiting.emplace_back([done = std::move(done), answer] { done(answer); });
  }

  std::map<std::string, Answer> answers;
  bool is_slow = false;
  std::vector<std::function<void()>> waiting;
};

}  // namespace relay

#include "server/control/health_routes.h"

#include <string_view>

#include "server/log/log_text.h"

namespace relay {
namespace {

void AppendList(std::string& body, std::string_view key, const std::vector<std::string>& phrases) {
  body.append("\"").append(key).append("\":[");
  for (std::size_t i = 0; i < phrases.size(); ++i) {
    if (i > 0) body += ',';
    AppendJsonString(body, phrases[i]);
  }
  body += ']';
}

}  // namespace

HttpResponse AnswerLivez() { return TextResponse(200, "ok\n"); }

HttpResponse AnswerReadyz(const std::vector<std::string>& unready_reasons,
                          const std::vector<std::string>& troubles) {
  const bool is_ready = unready_reasons.empty();
  std::string body = is_ready ? "{\"ready\":true," : "{\"ready\":false,";
  AppendList(body, "reasons", unready_reasons);
  body += ',';
  AppendList(body, "troubles", troubles);
  return JsonResponse(is_ready ? 200 : 503, body + "}\n");
}

}  // namespace relay

#include "server/control/health_routes.h"

#include "server/log/log_text.h"

namespace relay {

HttpResponse AnswerLivez() { return TextResponse(200, "ok\n"); }

HttpResponse AnswerReadyz(const std::vector<std::string>& unready_reasons) {
  const bool is_ready = unready_reasons.empty();
  std::string body = is_ready ? "{\"ready\":true,\"reasons\":[" : "{\"ready\":false,\"reasons\":[";
  for (std::size_t i = 0; i < unready_reasons.size(); ++i) {
    if (i > 0) body += ',';
    AppendJsonString(body, unready_reasons[i]);
  }
  return JsonResponse(is_ready ? 200 : 503, body + "]}\n");
}

}  // namespace relay

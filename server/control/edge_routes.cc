#include "server/control/edge_routes.h"

namespace relay {

HttpResponse AnswerEdge(const HttpRequest& request) {
  if (request.path() != "/livez") return {404, {}, {}};
  if (request.method != "GET" && request.method != "HEAD")
    return {405, {{"Allow", "GET, HEAD"}}, {}};
  return {200, {}, "ok\n"};
}

}  // namespace relay

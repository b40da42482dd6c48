#pragma once

#include <string>
#include <vector>

#include "server/web/http_message.h"

namespace relay {

// GET /livez: the control thread runs, so 200. Restarting the process would not help with anything
// else.
HttpResponse AnswerLivez();

// GET /readyz: 200 while new clients are welcome, else 503; both say so as {"ready": ...,
// "reasons": [...], "troubles": [...]}. Troubles keep nobody away.
HttpResponse AnswerReadyz(const std::vector<std::string>& unready_reasons,
                          const std::vector<std::string>& troubles = {});

}  // namespace relay

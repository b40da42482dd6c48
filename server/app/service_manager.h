#pragma once

#include <string_view>

namespace relay {

// Tells the service manager how this process is, where it has asked for that ($NOTIFY_SOCKET, as
// sd_notify(3) has it): "READY=1", "MAINPID=123". Waits for nobody; what cannot be said is not.
void NotifyServiceManager(std::string_view state);

}  // namespace relay

// SPDX-License-Identifier: Apache-2.0
#include "vassal/python/uwsgi_sources.h"

namespace vassal::python {

const char* const uwsgidecorators_source = R"python(
"""uWSGI's decorators, as far as they have a counterpart in Emperor: @postfork and @thread. The others raise a
NotImplementedError that names the alternative."""

import threading as _threading

postfork_chain = []


class postfork:
    """Calls the function in each worker before it serves; @postfork(2) in worker 2 only."""

    def __init__(self, function):
        self.wid, self.f = (0, function) if callable(function) else (function, None)
        postfork_chain.append(self)
        if self.f:
            _emperor.postfork(self._run)

    def __call__(self, *arguments, **named):
        if self.f:
            return None if self._is_of_another() else self.f(*arguments, **named)
        self.f = arguments[0]
        _emperor.postfork(self._run)
        return self

    def _is_of_another(self):
        return self.wid > 0 and self.wid != _emperor.worker_id

    def _run(self):
        if not self._is_of_another():
            self.f()


class thread:
    """Calling the function starts it in a daemon thread."""

    def __init__(self, function):
        self.f = function

    def __call__(self, *arguments):
        started = _threading.Thread(target=self.f, args=arguments, daemon=True)
        started.start()
        return self.f


_functions = {
    "spool": "spool", "spoolforever": "spool", "spoolraw": "spool", "mulefunc": "mule_msg", "mule": "mule_msg",
    "mule_brain": "mule_msg", "mule_brainloop": "mule_msg", "mulemsg": "mule_msg", "mulemsg_loop": "mule_msg",
    "farm": "farm_msg", "farm_loop": "farm_msg", "farm_brain": "farm_msg", "rpc": "register_rpc", "erpc": "register_rpc",
    "signal": "register_signal", "timer": "add_timer", "rbtimer": "add_rb_timer", "filemon": "add_file_monitor",
    "erlang": "rpc", "lock": "lock", "cron": "add_cron", "harakiri": "set_user_harakiri",
    "get_free_signal": "register_signal", "manage_spool_request": "spool",
}


def __getattr__(name):
    if name in _functions:
        try:
            getattr(_uwsgi, _functions[name])
        except NotImplementedError as reason:
            alternative = str(reason).partition(": ")[2]
            raise _uwsgi.UnsupportedByEmperor(
                "uwsgidecorators.%s has no counterpart in Emperor: %s" % (name, alternative)) from None
    raise AttributeError("module 'uwsgidecorators' has no attribute %r" % name)
)python";

}  // namespace vassal::python

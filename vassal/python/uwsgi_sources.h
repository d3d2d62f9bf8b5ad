// SPDX-License-Identifier: Apache-2.0
// The Python source of `import uwsgi` and `import uwsgidecorators`: for SDKs and apps that look for uWSGI. Compiled when
// an app imports them, never before. Each is executed in its module's namespace, which has `_emperor` (our module) and
// `_facts` or `_uwsgi` (uwsgi_module.cpp).
#pragma once

namespace vassal::python {

extern const char* const uwsgi_source;
extern const char* const uwsgidecorators_source;

}  // namespace vassal::python

"""A Django project of one file: a view that renders a template with a loop, escaping and a filter."""
from django.conf import settings

settings.configure(
    DEBUG=False, SECRET_KEY="bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [
        ("django.template.loaders.cached.Loader", [("django.template.loaders.locmem.Loader", {
            "page.html": "<h1>{{ title }}</h1>"
                         "<ul>{% for item in items %}<li>{{ item.name|upper }}: {{ item.text }}</li>{% endfor %}</ul>"
        })])]}}])

from django.core.wsgi import get_wsgi_application  # noqa: E402  the settings come first
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402

ITEMS = [{"name": f"article {number}", "text": "one & two < three"} for number in range(20)]


def latest(request):
    return render(request, "page.html", {"title": "Latest <articles>", "items": ITEMS})


urlpatterns = [path("articles/latest", latest)]
application = get_wsgi_application()

from django.contrib import admin
from django.urls import path
from notes import views

urlpatterns = [
    path("", views.index, name="index"),
    path("api/notes", views.api, name="api"),
    path("admin/", admin.site.urls),
]

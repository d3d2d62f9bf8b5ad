from django.http import JsonResponse
from django.shortcuts import redirect, render

from .models import Note


def index(request):
    if request.method == "POST":
        text = request.POST.get("text", "").strip()[:200]
        if text:
            Note.objects.create(text=text)
        return redirect("index")
    return render(request, "notes/index.html", {"notes": Note.objects.all()[:20]})


def api(request):
    return JsonResponse({"notes": list(Note.objects.values_list("text", flat=True)[:20])})

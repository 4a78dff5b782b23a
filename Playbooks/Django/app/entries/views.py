import logging

from django.db import DatabaseError
from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from .forms import EntryForm
from .models import Entry

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
def guest_book(request):
    form = EntryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        entry = form.save()
        logger.info("entry %d was written", entry.pk)
        # A page that was fetched can be reloaded without writing again.
        return redirect("guest_book")
    status = 400 if form.errors else 200
    context = {"form": form, "entries": Entry.objects.all()[:50], "count": Entry.objects.count()}
    return render(request, "entries/guest_book.html", context, status=status)


@require_POST
def like(request, pk):
    # Counted in the database: two visitors at once are two likes.
    if not Entry.objects.filter(pk=pk).update(likes=F("likes") + 1):
        raise Http404("no such entry")
    return redirect("guest_book")


@never_cache
@require_GET
def healthz(request):
    """Whether the application can serve a page: it runs, and its database answers with its tables."""
    try:
        Entry.objects.exists()
    except DatabaseError:
        logger.exception("the database does not answer")
        return HttpResponse("database\n", content_type="text/plain", status=503)
    return HttpResponse("ok\n", content_type="text/plain")

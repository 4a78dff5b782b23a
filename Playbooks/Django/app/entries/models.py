from django.db import models


class Entry(models.Model):
    """What one visitor has written."""

    name = models.CharField(max_length=60)
    message = models.TextField(max_length=500)
    created = models.DateTimeField(auto_now_add=True)
    likes = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["-created", "-pk"]
        verbose_name_plural = "entries"
        indexes = [models.Index(fields=["-created"], name="entry_newest_first")]

    def __str__(self):
        return f"{self.name}: {self.message[:40]}"

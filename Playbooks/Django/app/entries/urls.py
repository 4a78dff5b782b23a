from django.urls import path

from . import views

urlpatterns = [
    path("", views.guest_book, name="guest_book"),
    path("entries/<int:pk>/like", views.like, name="like"),
    path("healthz", views.healthz, name="healthz"),
]

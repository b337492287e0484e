# Django REST framework's own token authentication on PostgreSQL, in one worker of gunicorn. Its gthread worker, for the
# sync one closes every connection after its answer.
import os
from urllib.parse import urlsplit

import django
from django.conf import settings

url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    SECRET_KEY="s" * 50,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "rest_framework.authtoken",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": url.hostname,
            "PORT": url.port or 5432,
            "USER": url.username,
            "PASSWORD": url.password,
            "NAME": url.path[1:],
            "CONN_MAX_AGE": None,
        }
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)
django.setup()

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.urls import path
from gunicorn.app.base import BaseApplication
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.decorators import api_view
from rest_framework.response import Response


@api_view(["POST"])
def me(request):
    return Response({"id": request.user.id, "username": request.user.username})


urlpatterns = [path("graphql", me), path("login", obtain_auth_token)]


def announce(arbiter):
    port = arbiter.LISTENERS[0].getsockname()[1]
    print(f"GraphQL http://127.0.0.1:{port}/graphql", flush=True)


class Peer(BaseApplication):
    def load_config(self):
        options = {
            "bind": "127.0.0.1:0",
            "workers": 1,
            "worker_class": "gthread",
            "keepalive": 75,
            "loglevel": "warning",
            "when_ready": announce,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self):
        return get_wsgi_application()


call_command("migrate", verbosity=0)
get_user_model().objects.create_user("ada", password=os.environ["PEER_PASSWORD"])
# A worker that is forked may not share its parent's connection.
connections.close_all()
Peer().run()

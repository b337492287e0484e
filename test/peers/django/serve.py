"""Makes the users named on standard input, prints what they have in hand and the port, and serves until that input ends."""
import datetime
import json
import os
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

from project import application

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402
from rest_framework_simplejwt.tokens import RefreshToken  # noqa: E402


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def pair_of(user, lifetime=None):
    refresh = RefreshToken.for_user(user)
    access = refresh.access_token
    if lifetime is not None:
        refresh.set_exp(lifetime=lifetime)
        access.set_exp(lifetime=lifetime)
    return {"access": str(access), "refresh": str(refresh)}


call_command("migrate", verbosity=0)
keys = {}
cookies = {}
pairs = {}
for user in json.loads(sys.stdin.readline()):
    made = User.objects.create_user(user["username"], password=user["password"])
    keys[user["username"]] = Token.objects.create(user=made).key
    client = Client()
    client.force_login(made)
    cookies[user["username"]] = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    if user["isActive"]:
        pairs["expired"] = pair_of(made, lifetime=datetime.timedelta(days=-1))
        continue
    pairs["inactive"] = pair_of(made)
    made.is_active = False
    made.save()

server = make_server("127.0.0.1", 0, application, handler_class=QuietHandler)
print(json.dumps({"port": server.server_port, "keys": keys, "cookies": cookies, "pairs": pairs}), flush=True)
# Whoever started it holds the other end: when he is gone, so is the server.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()

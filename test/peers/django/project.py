"""Django REST framework and simplejwt as their own documentation sets them up; nothing of ours in it."""
import os

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="of a test alone",
    ROOT_URLCONF="project",
    ALLOWED_HOSTS=["127.0.0.1"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework.authtoken",
        "rest_framework_simplejwt.token_blacklist",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["PEER_DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    SIMPLE_JWT={"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework.authentication import BasicAuthentication, SessionAuthentication  # noqa: E402
from rest_framework.authtoken.views import obtain_auth_token  # noqa: E402
from rest_framework.decorators import api_view, authentication_classes, permission_classes  # noqa: E402
from rest_framework.permissions import AllowAny, IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication  # noqa: E402
from rest_framework_simplejwt import views as jwt  # noqa: E402


@api_view(["POST"])
@permission_classes([IsAuthenticated])
def me(request):
    return Response({"username": request.user.username})


@api_view(["POST"])
@permission_classes([AllowAny])
def viewer(request):
    return Response({"username": request.user.username or None})


def me_by(scheme):
    @api_view(["POST"])
    @authentication_classes([scheme])
    @permission_classes([IsAuthenticated])
    def me_by_scheme(request):
        return Response({"username": request.user.username})

    return me_by_scheme


urlpatterns = [
    path("login", obtain_auth_token),
    path("me", me),
    path("viewer", viewer),
    path("basic/me", me_by(BasicAuthentication)),
    path("session/me", me_by(SessionAuthentication)),
    path("jwt/me", me_by(JWTAuthentication)),
    path("jwt-stateless/me", me_by(JWTStatelessUserAuthentication)),
    path("jwt/obtain", jwt.TokenObtainPairView.as_view()),
    path("jwt/refresh", jwt.TokenRefreshView.as_view()),
    path("jwt/verify", jwt.TokenVerifyView.as_view()),
    path("jwt/blacklist", jwt.TokenBlacklistView.as_view()),
]
application = get_wsgi_application()

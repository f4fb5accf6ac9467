"""Members of the console's roles."""

from django.contrib.auth.models import Group, User
from django.test import Client

from stores import roles


def give_role(user: User, role: str) -> None:
    """The roles are made anew: a test that commits empties all tables at its end, those of the migration too."""
    roles.upsert()
    user.groups.set([Group.objects.get(name=role)])


def member_of(role: str, name: str = "", **fields) -> Client:
    """Signed in, under the role's name unless another is given. `fields` are the user's."""
    user = User.objects.create_user(name or role.lower().replace(" ", "-"), is_staff=True, **fields)
    give_role(user, role)
    client = Client()
    client.force_login(user)
    return client

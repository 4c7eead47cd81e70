"""Users and their organization in Label Studio; runs in the peer's own environment.

`python peer_stage.py PEOPLE PASSWORD`, with Label Studio's settings and path in the environment.
"""

import sys

import django

django.setup()

from organizations.models import Organization  # noqa: E402 -- Label Studio's
from users.models import User  # noqa: E402


def main() -> None:
    people, password = int(sys.argv[1]), sys.argv[2]
    org = None
    for number in range(people):
        email = f"flow-{number:03d}@bench.invalid"
        user = User.objects.create_user(email, password)
        if org is None:
            org = Organization.create_organization(created_by=user, title="Benchmark")
        else:
            org.add_user(user)
        user.active_organization = org
        user.save(update_fields=["active_organization"])


if __name__ == "__main__":
    main()

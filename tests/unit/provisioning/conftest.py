import shutil

import pytest

from tests.unit.provisioning.world import Staff


@pytest.fixture
def new(tmp_path):
    """A staff computer without a fleet."""
    return Staff(tmp_path)


@pytest.fixture(scope="session")
def _begun(tmp_path_factory):
    staff = Staff(tmp_path_factory.mktemp("begun"))
    staff.begin()
    staff.prove()
    return staff.folder


@pytest.fixture
def staff(tmp_path, _begun):
    """A staff computer with a fleet whose paper was read back, a copy of one that was made once."""
    here = tmp_path / "staff"
    shutil.copytree(_begun, here)
    return Staff(here)

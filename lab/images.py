"""Every image that containers of the lab are made of, built side by side: minutes, once, and no test waits for them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lab.services import netbox_image, zabbix_image
from lab.site import Site
from lab.templates import ensure_template


def ensure(site: Site) -> None:
    """Build the container template, NetBox and each release of Zabbix where they are missing. Raises LabError."""
    with ThreadPoolExecutor() as pool:
        for built in [pool.submit(build) for build in _builds(site)]:
            built.result()


def _builds(site: Site) -> Iterator[Callable[[], object]]:
    yield partial(ensure_template, site)
    yield lambda: netbox_image.image(site).archive(site)
    for release in zabbix_image.SUITES:
        yield partial(zabbix_image.image(release).archive, site)

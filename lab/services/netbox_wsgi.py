"""NetBox with its style sheets and scripts, which a production site's web server would deliver."""

from netbox.wsgi import application as netbox
from whitenoise import WhiteNoise

application = WhiteNoise(netbox, root="/opt/netbox/static", prefix="static/")

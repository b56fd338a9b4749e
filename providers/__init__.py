"""Dynamic providers: thin, stateless, one module per resource.

The paths of these modules and the names of their classes are part of every stack's state (a
provider is stored as a reference to its class): they never change. A test holds them.

What is loaded stays until the process ends, after seconds. So the garbage collector passes it over: it would
walk all of Pulumi's objects again and again while ours are imported, and several times at the end.
"""

import atexit
import gc

gc.freeze()
atexit.register(gc.freeze)

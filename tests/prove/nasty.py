"""Scripts that leave traces, each with what it asserts itself to have done.

They run in `project`, beside `home` and `elsewhere`; `OUTSIDE` is the folder that holds all three.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

HEAD = """
import os, shutil, signal, subprocess, sys, time
from pathlib import Path
OUTSIDE = Path(os.environ['OUTSIDE'])
"""

RELATIVE = {
    "checkpoint": """
Path('new.pt').write_bytes(b'x' * 1000)
Path('checkpoint.pt').write_bytes(b'y')
""",
    "resume": """
was = Path('checkpoint.pt').read_text()
assert was == 'first run', was
Path('checkpoint.pt').write_text(was + ' and second')
""",
    "logs": """
for name in ('log.txt', 'data.csv'):
    with open(name, 'a') as file:
        file.write('line\\n')
""",
    "rotates": """
os.replace('checkpoint.pt', 'checkpoint.old.pt')
Path('checkpoint.pt.tmp').write_text('new'); os.rename('checkpoint.pt.tmp', 'checkpoint.pt')
""",
    "changes folder": "os.chdir('sub'); Path('deep.txt').write_text('changed'); os.chdir('..')",
    "deletes its data": """
os.remove('data.csv')
shutil.rmtree('sub')
assert not Path('sub').exists()
""",
    "deletes everything": """
for path in Path('.').iterdir():
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
assert not os.listdir('.')
""",
    "makes a folder anew": """
shutil.rmtree('sub')
os.mkdir('sub')
Path('sub/other').write_text('x')
""",
    "symbolic links": """
Path('link').write_text('through a link')
os.symlink('data.csv', 'another'); os.unlink('link'); os.symlink('nowhere', 'link')
""",
    "hard links": """
Path('hard').write_text('through a hard link')
os.link('data.csv', 'third'); os.unlink('data.csv')
""",
    "modes": """
os.chmod('data.csv', 0o600)
os.chmod('sub', 0o700)
os.chmod('readonly.txt', 0o777)
""",
    "times": "os.utime('data.csv', (1, 1)); Path('checkpoint.pt').touch()",
    "open descriptor": """
file = os.open('data.csv', os.O_RDWR)
os.pwrite(file, b'XXXX', 0); os.ftruncate(file, 4); os.fsync(file); os.close(file)
assert Path('data.csv').read_bytes() == b'XXXX'
""",
    "memory map": """
import mmap
with open('data.csv', 'r+b') as file, mmap.mmap(file.fileno(), 0) as view:
    view[:4] = b'mmap'
    view.flush()
assert Path('data.csv').read_bytes().startswith(b'mmap')
""",
    "database": """
import sqlite3
base = sqlite3.connect('base.sqlite'); base.execute('PRAGMA journal_mode = WAL')
base.execute('INSERT INTO rows VALUES (2)'); base.commit()
assert len(base.execute('SELECT * FROM rows').fetchall()) == 2
""",
    "large file": """
with open('large.bin', 'wb') as file:
    for _ in range(32):
        file.write(bytes(2**20))
""",
    "odd names": """
Path('new\\nline').write_text('')
open(b'\\xff\\xfe', 'w').close()
Path('a:b,c').mkdir()
""",
    "own source": """
source = Path(__file__).read_text()
assert 'own source' in source
Path(__file__).write_text('changed')
""",
    "cached modules": """
sys.path.insert(0, '.'); sys.dont_write_bytecode = False
import helper
assert helper.VALUE == 1
""",
    "environment": """
os.environ['HOME'] = os.getcwd()
os.system('touch $HOME/by_shell')
""",
    "asks": """
try:
    input('Overwrite? ')
except EOFError:
    Path('asked').write_text('nobody there')
else:
    raise SystemExit('somebody answered')
""",
    "no terminal": """
try:
    open('/dev/tty').close()
except OSError:
    pass
else:
    raise SystemExit('there is a terminal')
assert not os.isatty(0) and not os.isatty(1)
""",
    "workers": """
import multiprocessing
def work(number):
    Path(f'worker-{number}').write_text('x')
    return number
with multiprocessing.get_context('fork').Pool(2) as pool:
    assert pool.map(work, range(4)) == [0, 1, 2, 3]
""",
    "signals": """
seen = []
signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
os.kill(os.getpid(), signal.SIGUSR1); time.sleep(0.05)
assert seen
os.killpg(0, signal.SIGCHLD)
""",
    "local sockets": """
import socket, threading
server = socket.create_server(('127.0.0.1', 0))
threading.Thread(target=lambda: server.accept()[0].sendall(b'hello'), daemon=True).start()
client = socket.create_connection(server.getsockname())
assert client.recv(5) == b'hello'
named = socket.socket(socket.AF_UNIX); named.bind('socket'); named.listen()
""",
    "leaves a daemon": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait()
""",
    "leaves a deaf child": """
if os.fork() == 0:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(1000)
""",
}
"""Those that reach nothing but the project, and folders for temporary files."""

ABSOLUTE = {
    "absolute paths": """
(OUTSIDE / 'project/data.csv').write_text('x')
(OUTSIDE / 'project/n').mkdir()
""",
    "home": """
Path('~/.cache/kept').expanduser().write_text('x')
Path('~/.new').expanduser().mkdir()
""",
    "temporary files": """
import tempfile
Path('/tmp/lifesigns-nasty').write_text('x')
open(tempfile.mkstemp()[1], 'w').close()
""",
    "elsewhere": """
(OUTSIDE / 'elsewhere/file').write_text('x')
os.remove(OUTSIDE / 'elsewhere/other')
""",
    "unwritable places": """
for place in ('/', '/dev', '/sys', '/var/tmp'):
    assert os.statvfs(place).f_flag & os.ST_RDONLY, f'{place} could be written'
try:
    Path('/var/tmp/lifesigns-nasty').write_text('x')
except OSError:
    pass
else:
    raise SystemExit('written')
""",
    "downloads": """
import socket
try:
    socket.create_connection(('192.0.2.1', 80), timeout=2)
except OSError as error:
    assert 'unreachable' in str(error), error
else:
    raise SystemExit('connected')
""",
    "shared memory": """
from multiprocessing import shared_memory
block = shared_memory.SharedMemory('lifesigns-nasty', create=True, size=1000)
block.buf[0] = 1
os._exit(0)
""",
    "takes layers away": """
for place in (os.getcwd(), '/tmp', os.environ['HOME']):
    subprocess.run(['umount', '-l', place], stderr=subprocess.DEVNULL)
    subprocess.run(['mount', '-o', 'remount,rw,bind', '/'], stderr=subprocess.DEVNULL)
Path('data.csv').write_text('still inside')
""",
    "kills others": """
for number in range(2, 100_000):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        continue
    assert number == os.getpid() or number < 50, f'sees process {number} of outside'
""",
}
"""Those that reach further."""

ENDINGS = {
    "exception": ("Path('data.csv').write_text(''); raise ValueError('as it is')", 1),
    "exit code": ("Path('data.csv').write_text(''); sys.exit(7)", 7),
    "sudden end": ("Path('data.csv').write_text(''); os._exit(3)", 3),
    "own kill": ("Path('data.csv').write_text(''); os.kill(os.getpid(), 9)", -9),
    "kills its group": ("Path('data.csv').write_text(''); os.killpg(0, 9)", -9),
}
"""Scripts with the exit codes they end with."""


def lay_out(folder):
    """Makes the folders of a user: a project, a home, and something elsewhere."""
    project, home, elsewhere = (folder / name for name in ("project", "home", "elsewhere"))
    for path in (project / "sub", home / ".cache", elsewhere):
        path.mkdir(parents=True)
    files = {
        project / "data.csv": "1,2,3\n",
        project / "checkpoint.pt": "first run",
        project / "readonly.txt": "x",
        project / "helper.py": "VALUE = 1\n",
        project / "sub" / "deep.txt": "deep",
        home / ".cache" / "kept": "kept",
        elsewhere / "other": "other",
    }
    for path, text in files.items():
        path.write_text(text)
    (project / "link").symlink_to("data.csv")
    (project / "hard").hardlink_to(project / "sub" / "deep.txt")
    (project / "readonly.txt").chmod(0o444)
    return project


def digest(folder):
    """Everything about the files in a folder that a script could change, by path."""
    state = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        seen = path.lstat()
        content = b""
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file():
            content = path.read_bytes()
        state[str(path)] = (seen.st_mode, seen.st_ino, seen.st_nlink, seen.st_mtime_ns, content)
    return state


def processes(mark):
    """Processes whose environment holds a mark, zombies left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


def gone(mark):
    """Whether all processes with the mark, this one aside, have ended within a while."""
    end = time.monotonic() + 20
    while (left := set(processes(mark)) - {os.getpid()}) and time.monotonic() < end:
        time.sleep(0.02)
    return not left

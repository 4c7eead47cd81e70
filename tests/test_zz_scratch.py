
from collections import defaultdict
from tests.test_urls import *
from tests.test_urls import ids, cookies, side
from pathlib import Path
def test_scratch(ids, cookies, globex):
    out=[]
    for name, params in names():
        try: address = reverse(name, kwargs={p: ids[p] for p in params})
        except Exception as e: out.append(f"{name} NOREV {e!r}"[:150]); continue
        for method in ("get","post"):
            by=defaultdict(list)
            for p in PEOPLE:
                try: r=outcome(cookies[p], method, address)
                except Exception as e: r=f"EXC {type(e).__name__} {e}"[:120]
                by[r].append(p)
            out.append(f"{name} {method} "+" | ".join(f"{k}: {' '.join(v)}" for k,v in by.items()))
    Path("/tmp/walk_out.txt").write_text("\n".join(out)+"\n")

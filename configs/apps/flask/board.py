"""A notice board: a few Flask routes that show what a worker knows about the request it serves."""
import os
import threading
import time

from flask import Flask, abort, jsonify, render_template, request


def create_app():
    app = Flask(__name__)
    notices = ["Ask the emperor for anything."]
    lock = threading.Lock()

    @app.get("/")
    def index():
        return render_template("index.html", title=os.environ.get("BOARD_TITLE", "Board"), notices=notices)

    @app.post("/notices")
    def add():
        text = request.form.get("text", "").strip()
        if not text:
            abort(400, "text is empty")
        with lock:
            notices.append(text[:200])
            del notices[:-20]
        return jsonify(count=len(notices)), 201

    @app.get("/whoami")
    def whoami():
        return jsonify(pid=os.getpid(), thread=threading.current_thread().name, script_name=request.script_root,
                       scheme=request.scheme, remote=request.remote_addr)

    @app.get("/slow")
    def slow():
        """One line a moment: the response is streamed, not collected."""
        def lines():
            for number in range(5):
                yield f"line {number}\n"
                time.sleep(0.1)
        return app.response_class(lines(), mimetype="text/plain")

    @app.get("/fail")
    def fail():
        """The traceback is in `emperorctl logs flask`."""
        raise RuntimeError("this route fails on purpose")

    return app

"""A Flask view that answers with 1 KiB of JSON."""
from flask import Flask, jsonify

application = Flask(__name__)
ITEMS = [{"id": number, "name": f"article {number}", "price": number * 1.25, "tags": ["a", "b"]} for number in range(17)]


@application.route("/articles/latest")
def latest():
    return jsonify(items=ITEMS, page=2)

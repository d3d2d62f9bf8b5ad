"""The measured request: 21 variables as nginx sends them for a browser's GET, in uwsgi framing."""
import struct

VARIABLES = {
    "QUERY_STRING": "page=2&order=date",
    "REQUEST_METHOD": "GET",
    "CONTENT_TYPE": "",
    "CONTENT_LENGTH": "",
    "REQUEST_URI": "/articles/latest?page=2&order=date",
    "PATH_INFO": "/articles/latest",
    "DOCUMENT_ROOT": "/usr/share/nginx/html",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REQUEST_SCHEME": "http",
    "REMOTE_ADDR": "192.0.2.17",
    "REMOTE_PORT": "51234",
    "SERVER_PORT": "80",
    "SERVER_NAME": "www.example.com",
    "HTTP_HOST": "www.example.com",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "en-US,en;q=0.5",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
    "HTTP_CONNECTION": "keep-alive",
    "HTTP_COOKIE": "sessionid=3f1c9a7be0d24f2c8a5f1e6b7d904c21; csrftoken=Zk3vQx8LwYt1RnHs",
    "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
}
assert len(VARIABLES) == 21


def packet():
    block = b"".join(struct.pack("<H", len(part)) + part.encode() for pair in VARIABLES.items() for part in pair)
    return struct.pack("<BHB", 0, len(block), 0) + block

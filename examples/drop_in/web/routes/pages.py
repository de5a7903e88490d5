"""The pages: the way in and out, and the notes with a button beside each magnet. Only that button needs script."""

from flask import Blueprint, redirect, render_template, request, session
from werkzeug.wrappers import Response

from web.guard import path_only
from web.notebook import Notebook, pieces
from web.people import People, TooManyTries


def pages_blueprint(people: People, notebook: Notebook) -> Blueprint:
    """The routes that answer with HTML. Who is asking was checked before, but at the login."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    def index() -> Response:
        return redirect("/notes", 303)

    @pages.get("/login")
    def login() -> str:
        return render_template("login.html", next=path_only(request.args.get("next", "")), error="")

    @pages.post("/login")
    def log_in() -> Response | tuple[str, int]:
        target = path_only(request.form.get("next", ""))
        name, password = request.form.get("username", ""), request.form.get("password", "")
        try:
            if people.may_enter(name, password, request.remote_addr or ""):
                session.clear()
                session["username"], session["id"] = name, people.come_in(name)
                return redirect(target, 303)
            error, status = "用户名或密码错误", 401
        except TooManyTries:
            error, status = "尝试次数过多，请一分钟后再试", 429
        return render_template("login.html", next=target, error=error), status

    @pages.post("/logout")
    def log_out() -> Response:
        people.leave(session["id"])
        session.clear()
        return redirect("/login", 303)

    @pages.get("/notes")
    def notes() -> str:
        person = session["username"]
        return render_template("notes.html", person=person, notes=[list(pieces(text)) for text in notebook.of(person)])

    @pages.post("/notes")
    def add_note() -> Response | tuple[str, int]:
        text = request.form.get("text", "").strip()
        if text and not notebook.add(session["username"], text):
            return render_template("error.html", text="笔记太多，无法再保存"), 409
        return redirect("/notes", 303)

    return pages

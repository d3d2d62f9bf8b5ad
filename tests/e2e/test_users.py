"""Users, groups, umask and the rules for tenants' files: a tenant's file gives a tenant's rights."""
import grp
import json
import os
import pwd
import stat

import pytest

from harness.waiting import wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it starts vassals as other users")
needs_no_root = pytest.mark.skipif(os.geteuid() == 0, reason="needs a plain user")


def process_of(emperor, name="probe"):
    emperor.wait_serving(name)
    return json.loads(emperor.get(name, "/process").text)


@needs_root
def test_user_and_supplementary_groups_are_taken_on(emperor):
    account = pwd.getpwnam("www-data")
    emperor.write("probe", user="www-data", umask="0077")
    seen = process_of(emperor)
    assert (seen["uid"], seen["gid"], seen["umask"]) == (account.pw_uid, account.pw_gid, 0o077)
    expected = set(os.getgrouplist("www-data", account.pw_gid))
    assert set(seen["groups"]) | {seen["gid"]} == expected
    assert seen["env"]["USER"] == "www-data" and seen["env"]["HOME"] == account.pw_dir
    status = open(f"/proc/{seen['ppid']}/status").read()
    assert f"Uid:\t{account.pw_uid}\t{account.pw_uid}" in status, "the master runs as the vassal's user too"


@needs_root
def test_group_alone_and_numbers_work(emperor):
    emperor.write("probe", user="33", group="games")
    seen = process_of(emperor)
    assert seen["uid"] == 33 and seen["gid"] == grp.getgrnam("games").gr_gid


@needs_root
def test_the_socket_is_for_the_vassal_and_the_web_server(emperor):
    emperor.write("probe", user="nobody")
    emperor.wait_serving("probe")
    info = emperor.socket("probe").stat()
    assert stat.S_IMODE(info.st_mode) == 0o660
    assert info.st_uid == pwd.getpwnam("nobody").pw_uid and info.st_gid == grp.getgrnam("www-data").gr_gid


@needs_root
def test_socket_keys_decide(emperor):
    emperor.write("probe", user="nobody", socket_mode="0600", socket_owner="www-data", socket_group="games")
    emperor.wait_serving("probe")
    info = emperor.socket("probe").stat()
    assert stat.S_IMODE(info.st_mode) == 0o600
    assert (info.st_uid, info.st_gid) == (pwd.getpwnam("www-data").pw_uid, grp.getgrnam("games").gr_gid)


def give(emperor, name, user):
    """Writes the tenant's file aside, as its owner's, then moves it into place."""
    account = pwd.getpwnam(user)
    path = emperor.path_of(name)
    aside = path.with_suffix(".aside")
    os.replace(path, aside)
    os.chown(aside, account.pw_uid, account.pw_gid)
    os.replace(aside, path)


@needs_root
def test_a_tenant_s_file_runs_as_its_owner(idle_emperor):
    idle_emperor.write("probe")
    give(idle_emperor, "probe", "nobody")
    emperor = idle_emperor.start()
    assert process_of(emperor)["uid"] == pwd.getpwnam("nobody").pw_uid


@needs_root
def test_a_tenant_cannot_name_another_user(idle_emperor):
    idle_emperor.write("probe", user="root")
    give(idle_emperor, "probe", "nobody")
    emperor = idle_emperor.start()
    row = emperor.wait_state("probe", "invalid")
    assert "nobody" in row["reason"] and "root" in row["reason"]


@needs_root
def test_a_tenant_cannot_bind_where_he_may_not_write(idle_emperor, scratch):
    idle_emperor.write("probe", listen=f"uwsgi:{scratch}/stolen.sock")  # root's directory, mode 0755
    give(idle_emperor, "probe", "nobody")
    emperor = idle_emperor.start()
    row = emperor.wait_state("probe", "invalid")
    assert "stolen.sock" in row["reason"]
    assert not (scratch / "stolen.sock").exists()


@needs_root
def test_a_tenant_s_file_cannot_make_a_neighbour_s_invalid(idle_emperor, scratch):
    # The default socket is its vassal's from the beginning.
    idle_emperor.write("blog")
    idle_emperor.write("aaab", listen=f"uwsgi:{idle_emperor.socket('blog')}")
    give(idle_emperor, "aaab", "nobody")
    emperor = idle_emperor.start()
    emperor.wait_running("blog")
    assert "belongs to the vassal 'blog'" in str(emperor.wait_state("aaab", "invalid"))
    emperor.write("shop")
    emperor.wait_running("shop")
    emperor.write("aaa", listen=f"uwsgi:{emperor.socket('shop')}")
    give(emperor, "aaa", "nobody")
    row = emperor.wait_state("aaa", "invalid")
    assert "belongs to the vassal 'shop'" in str(row)
    assert emperor.state("shop") == "running"
    done = emperor.ctl("reload", "shop")
    assert done.returncode == 0, done.stderr
    before = emperor.pid("shop")
    emperor.write("shop", env={"MARK": "2"})
    emperor.generation_change("shop", before)


@needs_root
def test_the_owner_of_a_file_that_was_never_valid_is_told_what_is_wrong(idle_emperor):
    idle_emperor.write_text("probe", "app: probe:application\nwokers: 2\n")
    idle_emperor.write_text("root-s", "app: probe:application\nwokers: 2\n")
    give(idle_emperor, "probe", "nobody")
    emperor = idle_emperor.start()
    emperor.wait_state("probe", "invalid")
    account = pwd.getpwnam("nobody")
    as_nobody = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    told = emperor.ctl("status", **as_nobody).stdout
    assert "unknown key 'wokers'" in told and "root-s" not in told
    assert "unknown key 'wokers'" in emperor.ctl("why", "probe", **as_nobody).stdout
    os.chown(emperor.path_of("probe"), 0, 0)
    wait_until(lambda: emperor.ctl("why", "probe", **as_nobody).returncode == 4, 10, "it is root's now")


@needs_root
def test_a_tenant_s_log_file_is_opened_with_his_rights(idle_emperor, scratch):
    (scratch / "root.log").write_text("root's\n")
    (scratch / "own").mkdir(mode=0o777)
    (scratch / "own").chmod(0o777)
    (scratch / "own" / "link.log").symlink_to(scratch / "root.log")
    for name, path in (("probe", scratch / "own" / "probe.log"), ("new", scratch / "new.log"),
                       ("link", scratch / "own" / "link.log")):
        idle_emperor.write(name, log_file=str(path))
        give(idle_emperor, name, "nobody")
    emperor = idle_emperor.start()
    emperor.wait_running("probe", "new", "link")
    for name in ("probe", "new", "link"):
        emperor.get(name, "/log?text=hello")
    wait_until(lambda: "hello" in (scratch / "own" / "probe.log").read_text(), 10)
    assert (scratch / "own" / "probe.log").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    for name in ("new", "link"):
        wait_until(lambda: "Permission denied" in emperor.status(name)["reason"], 10, lambda: f"{emperor.status(name)}")
    assert (scratch / "root.log").read_text() == "root's\n" and not (scratch / "new.log").exists()


@needs_root
def test_a_tenant_s_symlink_to_another_s_file_is_refused(idle_emperor, scratch):
    secret = scratch / "secret.yaml"
    secret.write_text("app: probe:application\nenv: {PASSWORD: hush}\n")
    secret.chmod(0o600)
    link = idle_emperor.path_of("probe")
    link.symlink_to(secret)
    os.chown(link, pwd.getpwnam("nobody").pw_uid, -1, follow_symlinks=False)
    emperor = idle_emperor.start()
    row = emperor.wait_state("probe", "invalid")
    assert "symlink" in row["reason"] or "link" in row["reason"]
    assert "hush" not in emperor.output()


@needs_root
def test_the_defaults_file_must_be_root_s(idle_emperor):
    idle_emperor.write("probe")
    path = idle_emperor.write_text("_defaults", "workers: 2\n")
    os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    emperor = idle_emperor.start()
    row = emperor.wait_state("probe", "invalid", "running")
    assert "_defaults.yaml" in json.dumps(row) + emperor.output()


@needs_root
def test_another_user_sees_only_what_is_his(idle_emperor):
    idle_emperor.write("mine", user="nobody")
    idle_emperor.write("other", user="www-data")
    emperor = idle_emperor.start().wait_serving("mine", "other")
    account = pwd.getpwnam("nobody")
    as_nobody = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    assert emperor.ctl("reload", "mine", **as_nobody).returncode == 0
    assert emperor.ctl("reload", "other", **as_nobody).returncode in (4, 5)
    assert emperor.ctl("stop", "other", **as_nobody).returncode in (4, 5)
    assert emperor.serves("other")


@needs_root
def test_exec_stands_where_the_app_stands(emperor, scratch):
    emperor.write("probe", user="nobody", umask="0027", env={"COLOUR": "blue"})
    emperor.wait_serving("probe")
    done = emperor.ctl("exec", "probe", "--", "sh", "-c", "id -un; umask; pwd; echo $COLOUR; echo ${LEAK:-clean}",
                       env={**os.environ, "LEAK": "x"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["nobody", "0027", str(emperor.apps), "blue", "clean"]


@needs_no_root
def test_a_plain_user_is_told_that_another_user_needs_root(emperor):
    emperor.write("probe", user="nobody")
    row = emperor.wait_state("probe", "invalid")
    assert "root" in row["reason"]

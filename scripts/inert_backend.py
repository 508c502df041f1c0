"""A stand-in for a source package's build step: it answers pip from the package's own PKG-INFO and runs nothing.

pip asks a source package for its name and version before it keeps the download, and for that it would run the
package's setup code. fetch.py puts this file in the place of `setuptools.build_meta`, so that nothing is run.
"""
import os
import re
import shutil
from email.parser import HeaderParser


class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        with open("PKG-INFO", encoding="utf-8") as file:
            header = HeaderParser().parse(file, headersonly=True)
        name = re.sub(r"[-_.]+", "_", header["Name"])
        folder = f"{name}-{header['Version']}.dist-info"
        os.makedirs(os.path.join(metadata_directory, folder))
        shutil.copyfile("PKG-INFO", os.path.join(metadata_directory, folder, "METADATA"))
        return folder


__legacy__ = Backend()
get_requires_for_build_wheel = __legacy__.get_requires_for_build_wheel
prepare_metadata_for_build_wheel = __legacy__.prepare_metadata_for_build_wheel

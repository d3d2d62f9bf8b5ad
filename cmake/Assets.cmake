# The dashboard's files (emperor/web/page and uPlot) as a source file of the room emperor/web.
file(GLOB_RECURSE page_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/emperor/web/page/*)
set(asset_pairs)
foreach(file ${page_files})
  file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR}/emperor/web/page ${file})
  list(APPEND asset_pairs /${path}=${file})
endforeach()
set(uplot ${CMAKE_SOURCE_DIR}/third_party/uplot)
list(APPEND asset_pairs /uplot/uPlot.js=${uplot}/uPlot.iife.min.js /uplot/uPlot.css=${uplot}/uPlot.min.css)
set(assets_source ${CMAKE_BINARY_DIR}/web_assets.cpp)
add_custom_command(OUTPUT ${assets_source}
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_SOURCE_DIR}/cmake/embed.py ${assets_source} ${asset_pairs}
  DEPENDS ${CMAKE_SOURCE_DIR}/cmake/embed.py ${page_files} ${uplot}/uPlot.iife.min.js ${uplot}/uPlot.min.css VERBATIM)
target_sources(room_emperor_web PRIVATE ${assets_source})
